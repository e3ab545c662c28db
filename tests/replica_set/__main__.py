"""Try authsvc on a real replica set, whose primary is told to step down, or is killed, while people use the service.

    python -m tests.replica_set 'mongodb://user:password@one,two,three/authsvc_trial?replicaSet=rs0'

It needs a replica set of three (or as many as `--members` says) that nothing else depends on, an empty database, which
is dropped in the end, and a user who may use that database, and `replSetStepDown` (the role `clusterManager`). To kill
or cut off the primary it needs a command of yours for that and one that undoes it; `{host}` and `{port}` in them are
the primary's:

    … --fail 'ssh {host} systemctl kill -s KILL mongod' --repair 'ssh {host} systemctl start mongod'

Two services are started on this machine. What it can't show is a service on the side of a primary that was cut off
from the others and does not know it yet: for that run it on a machine beside the primary, with a `--fail` that cuts off
both.
"""

import argparse
import sys

from pymongo import MongoClient
from pymongo.errors import PyMongoError
from pymongo.uri_parser import parse_uri

from tests.replica_set.trial import Fault, Trial, shell, step_down


def main(arguments: list[str]) -> int:
    """Run the trial that the arguments describe; return 1 if anything was wrong."""
    options = _parser().parse_args(arguments)
    with MongoClient(options.uri, tz_aware=True, serverSelectionTimeoutMS=10_000) as client:
        refusal = _refusal(client, options)
        if refusal is not None:
            print(f"the trial was not run: {refusal}", file=sys.stderr)
            return 2
        faults: list[tuple[str, Fault]] = [("step down", step_down(options.seconds))] * options.step_downs
        if options.fail:
            faults += [("fail", shell(options.fail, options.repair))] * options.failures
        with Trial(options.uri, client) as trial:
            for name, fault in faults:
                print(f"{name:<12} {trial.outage(fault):5.1f} s without an answer", flush=True)
            wrong = trial.verdict()
        client.drop_database(client.get_default_database())
    print(
        "\n".join([trial.summary(), *wrong])
        if wrong
        else f"{trial.summary()}\nnothing was lost, no sign-out was forgotten"
    )
    return 1 if wrong else 0


def _parser() -> argparse.ArgumentParser:
    text = __doc__ or ""
    shape = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("python -m tests.replica_set", description=text, formatter_class=shape)
    parser.add_argument("uri", help="where the replica set is, with the name of an empty database")
    parser.add_argument("--members", type=int, default=3, help="how many members it must have (3)")
    parser.add_argument("--step-downs", type=int, default=5, help="how often the primary steps down (5)")
    parser.add_argument("--seconds", type=int, default=15, help="for how long it may not be primary again (15)")
    parser.add_argument("--fail", help="a command that kills the primary, or cuts it off")
    parser.add_argument("--repair", default="true", help="a command that undoes that")
    parser.add_argument("--failures", type=int, default=3, help="how often it is run (3)")
    return parser


def _refusal(client: MongoClient, options: argparse.Namespace) -> str | None:
    """Return what keeps the trial from being run, None if nothing does."""
    if not parse_uri(options.uri).get("database"):
        return "the URI names no database"
    try:
        members = client.admin.command("replSetGetStatus")["members"]
        there = client.get_default_database().list_collection_names()
    except PyMongoError as error:
        return f"the server does not say that it is a replica set: {error}"
    if len(members) < options.members:
        return f"the replica set has {len(members)} members, and {options.members} are wanted"
    return f"its database is not empty: {', '.join(there)}" if there else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

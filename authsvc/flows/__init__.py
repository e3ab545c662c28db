"""Journeys: what somebody goes through to reach a goal, one file each, told with the nouns of `services`.

A journey may start another one, or use its public functions. It never reaches into the insides of another.
"""

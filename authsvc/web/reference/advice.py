"""What to do about each error: when it happens, what the person in front of the screen does, what a developer does."""

from typing import NamedTuple


class Advice(NamedTuple):
    """What the explanation of an error leaves open."""

    when: str
    user: str
    developer: str


_WAIT = "Wait a moment, and try again."
_NOTHING = "Nothing: this is for the program that asked."
_AGAIN = "Sign in again."

ADVICE = {
    "request_malformed": Advice(
        "A program writes HTTP by hand, a proxy changes it, or a browser has collected very many cookies.",
        "If it says 431: delete the cookies of this site's domain, and reload.",
        "Let an HTTP library write the request. If only some people see it, count the cookies that your domain sets.",
    ),
    "malformed_json": Advice(
        "The body was glued together from text, is empty, or was cut off on its way.",
        _NOTHING,
        "Write the body with a JSON encoder (`JSON.stringify`), in UTF-8, and send its true length.",
    ),
    "link_invalid": Advice(
        "A link is opened twice, days later, or after a newer one was sent.",
        "Ask for a new email, and open the newest one. If you confirmed your address before, just sign in.",
        "Show a button that asks for a new link: `POST /auth/email/resend` or `POST /auth/password/forgot`.",
    ),
    "challenge_invalid": Advice(
        "The dialog of a passkey or code stays open for more than five minutes, or its answer is sent twice.",
        "Try again, and answer within five minutes.",
        "Ask for new options for each try. Don't keep them, and don't repeat the request that answers them.",
    ),
    "user_code_invalid": Advice(
        "Somebody types the code of a television or a command line wrongly, or too late.",
        "Compare what you typed with what the device shows. If it is gone there, start again on the device.",
        "Show the code in groups, as the device does, and take it without regard to case and dashes.",
    ),
    "invalid_credentials": Advice(
        "A password is mistyped, an address is not the one that was signed up with, or somebody guesses.",
        "Look at the address, and type the password again. If you don't remember it, choose *Forgot password*.",
        "Show one message for both fields, keep the address, and offer the way to a new password.",
    ),
    "mfa_token_invalid": Advice(
        "The second step is left open for more than five minutes, or the first one was repeated elsewhere.",
        _AGAIN,
        "Go back to the first step, with the address filled in. Keep the `mfaToken` for this sign-in only.",
    ),
    "passkey_invalid": Advice(
        "A passkey was removed from the account, but is still offered by the device.",
        "Sign in another way, then add a passkey of this device again.",
        "Offer the other ways to sign in. `PublicKeyCredential.signalUnknownCredential` tells the device.",
    ),
    "token_missing": Advice(
        "A request is sent before anybody signed in, or without the header.",
        "Sign in.",
        "Send `Authorization: Bearer …`. In a page, `auth.fetch` and `auth.call` of the client do it.",
    ),
    "token_invalid": Advice(
        "A token comes from another service, another environment, or was cut; or it is a refresh token.",
        _AGAIN,
        "Look at `iss` and `aud` of the token, and at how the header is written. Don't retry with the same token.",
    ),
    "token_expired": Advice(
        "A page was in the background, or a program kept a token for longer than `expiresIn`.",
        _NOTHING,
        "Exchange the refresh token, one tab at a time, and repeat the request once. The client does both.",
    ),
    "session_ended": Advice(
        "Somebody signed out, changed the password, or was signed out from another device or by an administrator.",
        "Sign in again. If you did not expect this, look at what happened under *Activity*, and change your password.",
        "Forget the tokens, and show the sign-in with what `reason` says.",
    ),
    "account_disabled": Advice(
        "An administrator disabled the account, and somebody signs in to it with the right password.",
        "Write to those who run this service.",
        "Say so, with an address to write to. Another try does not help.",
    ),
    "email_unverified": Advice(
        "Somebody signs in, or sets up a second factor, before the link or code in the first email was used.",
        "Use the link or the code in the email. If there is none, look among spam, or let it be sent again.",
        "Offer to send it again with `POST /auth/email/resend`, and go on once it is confirmed.",
    ),
    "password_incorrect": Advice(
        "Somebody confirms who they are, or changes the password, and mistypes the one that they have.",
        "Type your current password again.",
        "Mark the field of the current password. The session is as it was.",
    ),
    "mfa_code_invalid": Advice(
        "A code is mistyped, is a minute old, was used already, or the clock of the phone is wrong.",
        "Wait for the next code, and type that one. If none is taken, let your phone set its clock by itself.",
        "Keep the step open, and mark the field. Offer the recovery codes and the other factors.",
    ),
    "email_code_invalid": Advice(
        "A code is mistyped, is from an older email, or was typed in another browser than the one that asked.",
        "Type the code of the newest email, in the browser in which you asked for it.",
        "Send the `challengeId` of the last request. After five wrong codes only a new email helps.",
    ),
    "second_factor_required": Advice(
        "An account with a second factor confirms who it is with just a password.",
        "Use your authenticator app, your passkey or a recovery code.",
        "Ask for one of `methods`, and send that to the same route.",
    ),
    "cross_origin_refused": Advice(
        "A page calls the service from an origin that is not listed, or another site tries to act for its visitor.",
        "Nothing. If you see this in an application that you use, tell those who run it.",
        "List the origin of your page in `CORS_ORIGINS`, exactly: scheme, host and port.",
    ),
    "forbidden": Advice(
        "Somebody opens what is for another role, or lost the role meanwhile.",
        "Ask an administrator for access, if you need it.",
        "Show what the role of `GET /auth/me` allows. A new token does not change it: the account's role counts.",
    ),
    "scope_missing": Advice(
        "A script uses an access token that was made for something else, or an app was allowed less.",
        "Make an access token with the scope that is named, under *Tokens*.",
        "`WWW-Authenticate` names the scope. Let the app ask for it, or make another token.",
    ),
    "fresh_login_required": Advice(
        "Somebody changes a password, an address or a factor, and signed in more than ten minutes ago.",
        "Confirm that it is you, then go on.",
        "Open the dialog that asks who it is, call `POST /auth/reauthenticate`, and repeat the request.",
    ),
    "provider_refused": Advice(
        "Somebody calls off the sign-in at the provider, takes very long, or uses a link of another try.",
        "Begin again, or sign in another way.",
        "Nothing can be repeated: begin with `POST /auth/federation/{provider}`. The service's log says the cause.",
    ),
    "hook_refused": Advice(
        "The program that `HOOK_SIGN_UP` names, a rule of those who run this service, says no to this account.",
        "Use another address if the text says so, or ask those who run this service.",
        "Show `reason` as text, if there is one: it is written for the person. Don't repeat the request.",
    ),
    "not_found": Advice(
        "An address is mistyped or old, or an object is gone or belongs to somebody else.",
        "Go back to where the link was, or to the start page.",
        "Compare the path with the reference: there is one spelling, without a slash at the end. Lists may be old.",
    ),
    "method_not_allowed": Advice(
        "A program sends `POST` where the route has `GET`, or the like.",
        _NOTHING,
        "Use a method that `Allow` names.",
    ),
    "email_taken": Advice(
        "Somebody signs up a second time, or changes to an address that another account has.",
        "Sign in with this address. If you don't remember the password, choose *Forgot password*.",
        "Offer the sign-in with the address filled in.",
    ),
    "identity_taken": Advice(
        "Somebody has two accounts here, and connects the same Google or GitHub account to both.",
        "Sign in with the provider: you then see which account has it. Disconnect it there, if you like.",
        "Say which provider it is. Nothing was changed.",
    ),
    "last_admin": Advice(
        "An administrator leaves, or is disabled, while there is no other.",
        "Make somebody else an administrator first.",
        "Say so before it is tried: `GET /admin/users?role=admin` lists them.",
    ),
    "last_login_method": Advice(
        "Somebody removes a passkey or disconnects a provider, and has nothing else to sign in with.",
        "Set a password, add another passkey or connect another provider first.",
        "`GET /auth/mfa` and `GET /auth/identities` say what is left; disable the button with this reason.",
    ),
    "link_confirmation_required": Advice(
        "The provider's address belongs to an account here, and somebody is signed in to another one.",
        "Sign out, and sign in to the account with that address.",
        "Lead to the sign-in, and begin again from there.",
    ),
    "mfa_already_enabled": Advice(
        "A second authenticator app is set up, perhaps from a page that was open for long.",
        "Remove the app that is set up, then set up the other one. One app can be on several devices.",
        "Read `GET /auth/mfa` again, and offer to remove.",
    ),
    "mfa_not_enabled": Advice(
        "A factor is removed or confirmed that is not there, perhaps from a page that was open for long.",
        "Begin to set it up again.",
        "Read `GET /auth/mfa` again, and begin with `POST /auth/mfa/totp`.",
    ),
    "own_role": Advice(
        "An administrator edits their own account.",
        "Ask another administrator.",
        "Don't offer it for the account that is signed in. On the machine, `flask users` can do it.",
    ),
    "passkey_known": Advice(
        "The same device or security key is added a second time.",
        "Nothing: it works already. Add another device, if you want one more.",
        "Pass `excludeCredentials` of the options on as it is: the browser then says so by itself.",
    ),
    "request_gone": Advice(
        "The page that asks is left open for long, is reloaded after its answer, or is opened in another browser.",
        "Go back to the app or page where you began, and begin again.",
        "Begin a new request. Don't keep its address.",
    ),
    "body_too_large": Advice(
        "A program sends a file, or far more than a form holds.",
        _NOTHING,
        "Send less. Whoever runs the service can raise `MAX_BODY_BYTES`.",
    ),
    "unsupported_media_type": Advice(
        "A form is sent as a browser does by itself, or the header is forgotten.",
        _NOTHING,
        "Send `Content-Type: application/json`, and the body as JSON.",
    ),
    "validation_failed": Advice(
        "A field is empty, too long, misspelt, or has a member that the route doesn't know.",
        "Look at the fields that are marked.",
        "Show each entry of `errors` at its field: `pointer` names the member. The object says what is allowed.",
    ),
    "too_many_attempts": Advice(
        "Somebody tries many passwords or codes, or very many people share one network.",
        "Wait for as long as it says, then try again. Your account is not locked.",
        "Count down from `Retry-After` before you allow another try. `LIMITS` changes the limits.",
    ),
    "internal_error": Advice(
        "There is a mistake in the service.",
        "Try again later. If it stays so, tell those who run this service, with the number of the request.",
        "Look for `requestId` in the log, and report what it says.",
    ),
    "database_unavailable": Advice(
        "The database is restarted, chooses another primary, or can't be reached.",
        _WAIT,
        "Repeat what only reads. Before you repeat a change, look whether it was made.",
    ),
    "hashing_busy": Advice(
        "Very many people sign in at the same moment, or the machine has too few cores for them.",
        _WAIT,
        "Repeat it after `Retry-After`. If it happens often, add cores or machines.",
    ),
    "not_ready": Advice(
        "The service was started a moment ago, or a setting or the database keeps it from being ready.",
        _WAIT,
        "Let the balancer ask `/readyz`. `flask doctor` says what is missing, and how to mend it.",
    ),
    "upstream_unavailable": Advice(
        "Google, GitHub or another provider is down, slow, or can't be reached from this machine.",
        "Try again in a moment, or sign in another way.",
        "Offer the other ways to sign in. `flask providers check` asks each of them.",
    ),
    "hook_failed": Advice(
        "A program that `HOOK_SIGN_UP` or `HOOK_TOKEN` names is down, slow, or gives answers that can't be used.",
        _WAIT,
        "Send the same request again after `Retry-After`. The log says why (`hook.failed`); `flask doctor` asks it.",
    ),
}
"""By the code of a problem. A test holds it complete."""

"""Which names sound like a secret: the one list, for what comes in, what is given out and what is logged."""

import re
import unicodedata
from functools import lru_cache

_NAMES_OF_IT = (
    r"passw(?:or[dt]|d)?|passphrase|passcode|kennwort|wachtwoord|lozinka|zaporka|l[oö]senord|adgangskode|kodeord|passord|"
    r"contrase[nñ]a|heslo|geslo|slapta[zž]od|katasandi|"
    r"contrasenya|senha|motdepasse|parola|has[lł]o|jelsz[oó]|[sş]ifre|salasana|парол|密码|密碼|パスワード|暗証番号|비밀번호"
)
_IS_PASSWORD = re.compile(_NAMES_OF_IT)
_PASSWORD_WORDS = frozenset(
    {"pass", "passes", "pwd", "pwds", "pw", "psw", "pswd", "userpass", "pin", "pincode", "clave"}
)
_SHORT = re.compile(r"(?:user|temp|temporary|initial|init|default|plain|old|new|my|admin|login)(?:pass|pwd|pw)\Z")
_OF_THE_SAME = frozenset({"confirm", "confirmation", "confirmed", "repeat", "again", "plain", "clear", "text", "value"})

_ABOUT_A_PASSWORD = re.compile(
    r"(?:less|(?:was|is|has|last|next|must|should|to|needs|never|force|forced|do|date|time|days|max|min|failed)?"
    r"(?:chang\w*|updat\w*|creat\w*|modif\w*|reset\w*|set|expir\w*|expiry|valid\w*|used\w*|at|on(?!e)|date|time|timestamp|"
    r"ts|age|count\w*|attempts?|fail\w*|try|tries|required|need\w*|policy|strength|score|length|enabled|disabled|exists|"
    r"version|alg\w*|scheme|method|type|kind|format|encoding|provider|rounds|iterations|cost|login|auth\w*|manager|"
    r"hash\w*|digest|salt|token\w*|crypt\w*|encrypted|bcrypt|links?|uri|url)\w*)"
)
"""What follows when a field is about a password and does not hold one."""

_SECRET = re.compile(
    rf"{_NAMES_OF_IT}|passkey|secret|token|hash|recovery|refresh|reset|credential|apikey|private|signature|session|cookie"
)
_SECRET_WORDS = _PASSWORD_WORDS | {"otp", "totp", "key", "code", "codes", "salt", "seed", "mfa", "hint"}
_LONGEST_REMEMBERED = 100
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


def is_secret(name: str) -> bool:
    """Tell whether a name sounds like any secret: a password, a hash, a token, a key. Better one too many."""
    return bool(_SECRET.search(_letters(name))) or not _words(name).isdisjoint(_SECRET_WORDS)


def is_password(name: str) -> bool:
    """Tell whether a name says that its value is a password, in whatever case, spelling or language."""
    return _is_password(name) if len(name) <= _LONGEST_REMEMBERED else _is_password.__wrapped__(name)


@lru_cache(maxsize=4096)
def _is_password(name: str) -> bool:
    letters, words = _letters(name), [word.lower() for word in _WORD.findall(name)] or [name.lower()]
    while len(words) > 1 and words[-1] in _OF_THE_SAME:
        words.pop()
    if words[-1] in _PASSWORD_WORDS or _SHORT.search("".join(words)):
        return True
    matches = list(_IS_PASSWORD.finditer(letters))
    return bool(matches) and not _ABOUT_A_PASSWORD.fullmatch(letters, matches[-1].end())


def _letters(name: str) -> str:
    """Return the letters of a name in their plainest form: `Mot de Passe`, `mot_de_passe` and `motDePasse` are one."""
    plain = unicodedata.normalize("NFKD", name).casefold()
    return "".join(char for char in unicodedata.normalize("NFC", plain) if char.isalpha())


def _words(name: str) -> set[str]:
    return {word.lower() for word in _WORD.findall(name)} | {name.lower()}

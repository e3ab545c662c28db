// Where a passkey is kept, by the AAGUID that its authenticator tells (WebAuthn level 3 section 6.5.1). It is not proved,
// and only a name. Those who keep passkeys publish theirs: https://github.com/passkeydeveloper/passkey-authenticator-aaguids

const KEEPERS = {
  "fbfc3007-154e-4ecc-8c0b-6e020557d7bd": "Apple Passwords",
  "dd4ec289-e01d-41c9-bb89-70fa845d4bf2": "iCloud Keychain",
  "ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4": "Google Password Manager",
  "adce0002-35bc-c60a-648b-0b25f1f05503": "Chrome on Mac",
  "771b48fd-d3d4-4f74-9232-fc157ab0507a": "Edge on Mac",
  "08987058-cadc-4b81-b6e1-30de50dcbe96": "Windows Hello",
  "9ddd1817-af5a-4672-a2b9-3e3dd95000a9": "Windows Hello",
  "6028b017-b1d4-4c02-b4b3-afcdafc96bb2": "Windows Hello",
  "d3452668-01fd-4c12-926c-83a4204853aa": "Microsoft Password Manager",
  "53414d53-554e-4700-0000-000000000000": "Samsung Pass",
  "bada5566-a7aa-401f-bd96-45619a55120d": "1Password",
  "d548826e-79b4-db40-a3d8-11116f7e8349": "Bitwarden",
  "531126d6-e717-415c-9320-3d9aa6981239": "Dashlane",
  "b84e4048-15dc-4dd0-8640-f4f60813c8af": "NordPass",
  "0ea242b4-43c4-4a1b-8b17-dd6d0b6baec6": "Keeper",
  "50726f74-6f6e-5061-7373-50726f746f6e": "Proton Pass",
  "fdb141b2-5d84-443e-8a35-4698c205a502": "KeePassXC",
  "eaecdef2-1c31-5634-8639-f1cbd9c00a08": "KeePassDX",
  "f3809540-7f14-49c1-a8b3-8f813b225541": "Enpass",
  "b78a0a55-6ef8-d246-a042-ba0f6d55050c": "LastPass",
  "b35a26b2-8f6e-4697-ab1d-d44db4da28c6": "Zoho Vault",
  "de503f9c-21a4-4f76-b4b7-558eb55c6f89": "Devolutions",
  "fa37f553-f9b6-4adb-ac53-8bbb57ebdf0d": "Norton Password Manager",
  "a10c6dd9-465e-4226-8198-c7c44b91c555": "Kaspersky Password Manager",
};
const NAME = "authData"; // in the attestation object, which is CBOR (RFC 8949): a byte string follows, with its length
const LENGTHS = {0x58: 1, 0x59: 2, 0x5a: 4}; // bytes that tell the length, by the first byte
const BEFORE = 37; // bytes of the authenticator data before the AAGUID: hash, flags, counter

/** Return where the passkey of a new credential is kept, undefined if its authenticator does not tell. */
export function keeperOf({response: {attestationObject}}) {
  const bytes = atob(attestationObject.replace(/-/g, "+").replace(/_/g, "/")); // a character for each byte
  const head = bytes.indexOf(NAME) + NAME.length;
  const start = head + 1 + (LENGTHS[bytes.charCodeAt(head)] ?? 0) + BEFORE;
  const digits = [...bytes.slice(start, start + 16)].map((one) => one.charCodeAt(0).toString(16).padStart(2, "0")).join("");
  return KEEPERS[digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-")];
}

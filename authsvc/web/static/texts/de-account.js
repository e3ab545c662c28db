import {add} from "../ui/language.js";

add({
"Loading …": "Wird geladen …",
"Try again": "Erneut versuchen",
"Another email is on its way. Use the newest one.": "Eine weitere E-Mail ist unterwegs. Verwenden Sie die neueste.",
"Another email is on its way.": "Eine weitere E-Mail ist unterwegs."
});

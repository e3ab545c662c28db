import {add} from "../ui/language.js";

add({
"Loading …": "Wird geladen …",
"Try again": "Erneut versuchen"
});

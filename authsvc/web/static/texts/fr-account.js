import {add} from "../ui/language.js";

add({
"Loading …": "Chargement…",
"Try again": "Réessayer"
});

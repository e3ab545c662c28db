import {add} from "../ui/language.js";

add({
"Loading …": "Chargement…",
"Try again": "Réessayer",
"Another email is on its way. Use the newest one.": "Un autre e-mail est en route. Utilisez le plus récent.",
"Another email is on its way.": "Un autre e-mail est en route."
});

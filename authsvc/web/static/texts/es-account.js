import {add} from "../ui/language.js";

add({
"Loading …": "Cargando…",
"Try again": "Reintentar"
});

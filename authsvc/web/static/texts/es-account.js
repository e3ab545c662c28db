import {add} from "../ui/language.js";

add({
"Loading …": "Cargando…",
"Try again": "Reintentar",
"Another email is on its way. Use the newest one.": "Hay otro correo en camino. Use el más reciente.",
"Another email is on its way.": "Hay otro correo en camino."
});

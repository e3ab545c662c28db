import {add} from "../ui/language.js";

add({});

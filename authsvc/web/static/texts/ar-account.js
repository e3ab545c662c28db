import {add} from "../ui/language.js";

add({
"Loading …": "جارٍ التحميل…",
"Try again": "إعادة المحاولة"
});

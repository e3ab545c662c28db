import {add} from "../ui/language.js";

add({
"Loading …": "جارٍ التحميل…",
"Try again": "إعادة المحاولة",
"Another email is on its way. Use the newest one.": "رسالة أخرى في الطريق. استخدم الأحدث.",
"Another email is on its way.": "رسالة أخرى في الطريق."
});

import {add} from "../ui/language.js";

add({
"Loading …": "読み込んでいます…",
"Try again": "もう一度試す"
});

import {add} from "../ui/language.js";

add({
"Loading …": "読み込んでいます…",
"Try again": "もう一度試す",
"Another email is on its way. Use the newest one.": "メールをもう一度送りました。最新のものをお使いください。",
"Another email is on its way.": "メールをもう一度送りました。"
});

import {add} from "../ui/language.js";

add({
"When": "日時"
});

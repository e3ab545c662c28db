// By which way somebody signed in in this tab: the page that they leave for may offer a quicker one.

import {forget, recall, remember} from "../ui/storage.js";

const WAY = "authsvc way in"; // in the storage of this tab

/** Remember that a password was typed. */
export const rememberPassword = () => remember(WAY, {byPassword: true});

/** Tell whether it was. */
export const wasPassword = () => recall(WAY).byPassword === true;

export const forgetWay = () => forget(WAY);

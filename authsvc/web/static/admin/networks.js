// Addresses of networks.

import {make} from "../ui/dom.js";

/** Make an element for an IP address, which is written from left to right in any language. */
export const makeNetwork = (ip) => make("bdi", {dir: "ltr"}, ip);

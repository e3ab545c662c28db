// The scripts that browsers load as they stand, without a build step: `make scripts`.
import js from "@eslint/js";
import globals from "globals";

export default [
  {ignores: ["**/*.min.js"]}, // built from sdk/js/src, which is linted
  {
    files: ["authsvc/web/static/**/*.js", "sdk/js/src/**/*.js", "examples/spa/*.js", "examples/passkeys/*.js"],
    ...js.configs.recommended,
  },
  {
    files: ["authsvc/web/static/**/*.js", "sdk/js/src/**/*.js", "examples/spa/*.js", "examples/passkeys/*.js"],
    languageOptions: {ecmaVersion: "latest", sourceType: "module", globals: globals.browser},
    linterOptions: {reportUnusedDisableDirectives: "error"},
    rules: {
      "array-callback-return": "error",
      "eqeqeq": ["error", "always", {null: "ignore"}],
      "no-control-regex": "off", // addresses with control characters are what one of them looks for
      "no-eval": "error",
      "no-implied-eval": "error",
      "no-new-func": "error",
      "no-param-reassign": "off",
      "no-script-url": "error",
      "no-self-compare": "error",
      "no-shadow-restricted-names": "error",
      "no-template-curly-in-string": "error",
      "no-unmodified-loop-condition": "error",
      "no-unreachable-loop": "error",
      "no-use-before-define": ["error", {functions: false, variables: false}],
      "no-var": "error",
      "object-shorthand": "error",
      "prefer-const": "error",
      "require-atomic-updates": "off",
    },
  },
  {
    files: ["authsvc/web/static/ui/loading.js"], // which old browsers must understand
    languageOptions: {ecmaVersion: 5, sourceType: "script"},
    rules: {"no-var": "off", "object-shorthand": "off", "prefer-const": "off"},
  },
];

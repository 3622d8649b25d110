/** Colours stand in tokens.css and nowhere else. */
const literal = ["rgb", "rgba", "hsl", "hsla", "hwb", "lab", "lch", "oklab", "oklch", "color", "color-mix"];

export default {
    rules: {
        "color-no-hex": true,
        "color-named": "never",
        "color-no-invalid-hex": true,
        "function-disallowed-list": literal,
        "block-no-empty": true,
        "declaration-block-no-duplicate-properties": true,
        "no-duplicate-selectors": true,
        "property-no-unknown": [true, { ignoreProperties: ["composes"] }],
        "unit-no-unknown": true,
    },
    overrides: [{ files: ["**/tokens.css"], rules: { "color-no-hex": null, "function-disallowed-list": null } }],
};

import hooks from "eslint-plugin-react-hooks";
import tseslint from "typescript-eslint";

export default tseslint.config(
    { ignores: ["dist", "node_modules", "src/gen", "scripts"] },
    ...tseslint.configs.strict,
    {
        files: ["**/*.{ts,tsx}"],
        plugins: { "react-hooks": hooks },
        rules: {
            ...hooks.configs.recommended.rules,
            // The React compiler is not used; the virtualizer's functions are read in the render that made them.
            "react-hooks/incompatible-library": "off",
            "max-lines": ["error", 400],
            "max-lines-per-function": ["error", { max: 100, skipBlankLines: true, skipComments: true }],
            "@typescript-eslint/no-explicit-any": "error",
            "@typescript-eslint/consistent-type-imports": "error",
            "no-restricted-globals": ["error", { name: "localStorage", message: "go through app/persisted.ts" }],
        },
    },
    {
        files: ["**/*.test.ts"],
        rules: { "max-lines-per-function": "off", "@typescript-eslint/no-non-null-assertion": "off" },
    },
    { files: ["src/app/persisted.ts"], rules: { "no-restricted-globals": "off" } },
);

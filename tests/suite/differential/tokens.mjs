// Verifies the signatures of tokens with jose, and prints the payload of each, or the code of the error.
import { readFileSync } from "node:fs";

const { compactVerify, createLocalJWKSet } = await import(process.argv[3]);
const { keySet, tokens } = JSON.parse(readFileSync(process.argv[2], "utf8"));
const keys = createLocalJWKSet(keySet);
const algorithms = ["EdDSA", "Ed25519", "ES256", "RS256", "PS256"];
const read = async (token) => {
    try {
        const { payload } = await compactVerify(token, keys, { algorithms });
        return { payload: new TextDecoder().decode(payload) };
    } catch (error) {
        return { error: error.code ?? error.name };
    }
};
const answers = [];
for (const token of tokens) {
    answers.push(await read(token));
}
process.stdout.write(JSON.stringify(answers));

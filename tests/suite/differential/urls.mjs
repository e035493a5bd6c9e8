// Reads texts with Node's URL, and prints the parts of each, or null for a text that is not a URL.
import { readFileSync } from "node:fs";

const parts = (text) => {
    try {
        const { href, protocol, username, password, hostname, port, pathname, hash } = new URL(text);
        return { href, protocol, user: username + password, hostname, port, pathname, hash };
    } catch {
        return null;
    }
};
process.stdout.write(JSON.stringify(JSON.parse(readFileSync(process.argv[2], "utf8")).map(parts)));

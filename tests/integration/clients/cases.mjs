// Answers the JSON lines on standard input; README has their form.
import { webcrypto } from 'node:crypto';
import { createInterface } from 'node:readline';

// Node 18 has it, but not as a global.
globalThis.crypto ??= webcrypto;

export async function answerLines(answer, key) {
    for await (const line of createInterface({ input: process.stdin })) {
        const example = JSON.parse(line);
        console.log(JSON.stringify({ case: example, [key]: await answer(example) }));
    }
}

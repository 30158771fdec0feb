import { answerLines } from './cases.mjs';
import { ClientCredentials } from 'simple-oauth2';

const url = new URL(process.argv[2]);
const options = {
    client_secret_basic: { authorizationMethod: 'header' },
    client_secret_basic_raw: { authorizationMethod: 'header', credentialsEncodingMode: 'loose' },
    client_secret_post: { authorizationMethod: 'body' },
};

function makeClient({ method, client_id, client_secret }) {
    return new ClientCredentials({
        client: { id: client_id, secret: client_secret },
        auth: { tokenHost: url.origin, tokenPath: url.pathname },
        options: options[method],
    });
}

async function fetchToken(example) {
    let client;
    try {
        client = makeClient(example);
    } catch (error) {
        // It takes RFC 6749's grammar of 1*VSCHAR at its word, and no character beyond ASCII.
        return { cannot: error.message };
    }
    try {
        return (await client.getToken(example.scope ? { scope: example.scope } : {})).token;
    } catch (error) {
        if (error.isBoom) {
            return { status: error.output.statusCode, ...error.data.payload };
        }
        throw error;
    }
}

await answerLines(fetchToken, 'answer');

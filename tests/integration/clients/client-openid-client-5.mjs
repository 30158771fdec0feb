// The version before the rewrite on oauth4webapi, which has its own code for all of this and is still much in use.
import { answerLines } from './cases.mjs';
import { custom, errors, Issuer } from 'openid-client-5';

custom.setHttpOptionsDefaults({ timeout: 60000 });
const issuer = new Issuer({ issuer: 'https://api.example.com/apiops/auth', token_endpoint: process.argv[2] });

async function fetchToken({ method, client_id, client_secret, scope }) {
    const client = new issuer.Client({ client_id, client_secret, token_endpoint_auth_method: method });
    try {
        const set = await client.grant({ grant_type: 'client_credentials', ...(scope ? { scope } : {}) });
        // What is left of it: the library keeps the time of the end.
        return { ...set, expires_in: set.expires_in };
    } catch (error) {
        if (error instanceof errors.OPError) {
            const { statusCode: status } = error.response ?? {};
            return { status, error: error.error, error_description: error.error_description };
        }
        throw error;
    }
}

await answerLines(fetchToken, 'answer');

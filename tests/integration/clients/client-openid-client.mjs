import { answerLines } from './cases.mjs';
import * as client from 'openid-client';

const server = { issuer: 'https://api.example.com/apiops/auth', token_endpoint: process.argv[2] };
const authentication = {
    client_secret_basic: client.ClientSecretBasic,
    client_secret_post: client.ClientSecretPost,
};

async function fetchToken({ method, client_id, client_secret, scope }) {
    const configuration = new client.Configuration(
        server, client_id, client_secret, authentication[method](client_secret));
    configuration.timeout = 60;
    try {
        return await client.clientCredentialsGrant(configuration, scope ? { scope } : {});
    } catch (error) {
        // Where there is a WWW-Authenticate, the library leaves the body to its user.
        if (error instanceof client.WWWAuthenticateChallengeError) {
            return { status: error.status, ...await error.response.json() };
        }
        if (error instanceof client.ResponseBodyError) {
            return { status: error.status, error: error.error, error_description: error.error_description };
        }
        throw error;
    }
}

await answerLines(fetchToken, 'answer');

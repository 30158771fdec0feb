import { answerLines } from './cases.mjs';
import * as oauth from 'oauth4webapi';

const server = { issuer: 'https://api.example.com/apiops/auth', token_endpoint: process.argv[2] };
const authentication = {
    client_secret_basic: oauth.ClientSecretBasic,
    client_secret_post: oauth.ClientSecretPost,
};

async function fetchToken({ method, client_id, client_secret, scope }) {
    const client = { client_id };
    try {
        const response = await oauth.clientCredentialsGrantRequest(
            server, client, authentication[method](client_secret), scope ? { scope } : {});
        return await oauth.processClientCredentialsResponse(server, client, response);
    } catch (error) {
        // Where there is a WWW-Authenticate, the library leaves the body to its user.
        if (error instanceof oauth.WWWAuthenticateChallengeError) {
            return { status: error.status, ...await error.response.json() };
        }
        if (error instanceof oauth.ResponseBodyError) {
            return { status: error.status, error: error.error, error_description: error.error_description };
        }
        throw error;
    }
}

await answerLines(fetchToken, 'answer');

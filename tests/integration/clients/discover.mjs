// Finds the endpoints and the keys from the issuer alone, by each library's own discovery. For each line on standard input
// fetches a token and verifies it, and writes {"library": kid, …}.
import { createInterface } from 'node:readline';
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import * as oauth from 'oauth4webapi';
import * as openid from 'openid-client';
import { Issuer } from 'openid-client-5';

const issuer = process.argv[2];
const [id, secret] = ['demo', 'demo-secret'];
const remoteKeys = (uri) => createRemoteJWKSet(new URL(uri));

// By jose, which most of the others leave it to.
async function check(token, keys) {
    const { protectedHeader, payload } = await jwtVerify(token, keys, { issuer, audience: issuer, typ: 'at+jwt' });
    if (payload.client_id !== id) {
        throw new Error(`a token of ${payload.client_id}`);
    }
    return protectedHeader.kid;
}

async function openidClient(algorithm) {
    const configuration = await openid.discovery(new URL(issuer), id, secret, undefined, { algorithm });
    const keys = remoteKeys(configuration.serverMetadata().jwks_uri);
    return async () => check((await openid.clientCredentialsGrant(configuration)).access_token, keys);
}

async function openidClient5() {
    const found = await Issuer.discover(issuer);
    const client = new found.Client({ client_id: id, client_secret: secret });
    const keys = remoteKeys(found.metadata.jwks_uri);
    return async () => check((await client.grant({ grant_type: 'client_credentials' })).access_token, keys);
}

// It verifies access tokens itself, as a resource server of RFC 9068.
async function oauth4webapi(algorithm) {
    const url = new URL(issuer);
    const server = await oauth.processDiscoveryResponse(url, await oauth.discoveryRequest(url, { algorithm }));
    return async () => {
        const answer = await oauth.processClientCredentialsResponse(server, { client_id: id },
            await oauth.clientCredentialsGrantRequest(server, { client_id: id }, oauth.ClientSecretPost(secret), {}));
        const request = new Request('https://resource.example.com/', { headers: { Authorization: `Bearer ${answer.access_token}` } });
        const claims = await oauth.validateJwtAccessToken(server, request, issuer);
        return claims.client_id === id && decodeProtectedHeader(answer.access_token).kid;
    };
}

const libraries = {
    'openid-client': await openidClient('oidc'),
    'openid-client oauth2': await openidClient('oauth2'),
    'openid-client 5': await openidClient5(),
    oauth4webapi: await oauth4webapi('oidc'),
    'oauth4webapi oauth2': await oauth4webapi('oauth2'),
};

for await (const line of createInterface({ input: process.stdin })) {
    const kids = {};
    for (const [name, fetchAndCheck] of Object.entries(libraries)) {
        kids[name] = await fetchAndCheck();
    }
    console.log(JSON.stringify(line && kids));
}

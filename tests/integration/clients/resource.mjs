// A resource server: GET is 200 if the library accepts the token, else 401; DELETE revokes it. Started with the issuer, a port
// and the library.
import { createServer } from 'node:http';
import { JwtVerifier } from 'aws-jwt-verify';
import * as openid from 'openid-client';
import { Issuer } from 'openid-client-5';

const [issuer, port, library] = process.argv.slice(2);
const client = ['demo', 'demo-secret'];
const resourceServer = ['api', 'api-secret'];

// It reads no metadata, and checks no typ.
async function aws() {
    const verifier = JwtVerifier.create({ issuer, audience: issuer, jwksUri: `${issuer}/jwks` });
    return { check: (token) => verifier.verify(token) };
}

// The caller of introspection reads the claims itself.
function demand(answer) {
    if (!answer.active || answer.iss !== issuer || answer.aud !== issuer) {
        throw new Error('not active, or for another resource server');
    }
}

async function openidClient() {
    const asking = await openid.discovery(new URL(issuer), ...resourceServer);
    const revoking = await openid.discovery(new URL(issuer), ...client);
    return {
        check: async (token) => demand(await openid.tokenIntrospection(asking, token)),
        revoke: (token) => openid.tokenRevocation(revoking, token),
    };
}

async function openidClient5() {
    const found = await Issuer.discover(issuer);
    const as = ([client_id, client_secret]) => new found.Client({ client_id, client_secret });
    return {
        check: async (token) => demand(await as(resourceServer).introspect(token)),
        revoke: (token) => as(client).revoke(token),
    };
}

const { check, revoke } = await { aws, 'openid-client': openidClient, 'openid-client-5': openidClient5 }[library]();

createServer(async (request, response) => {
    const token = (request.headers.authorization ?? '').replace(/^Bearer /i, '');
    try {
        await (request.method === 'DELETE' ? revoke : check)(token);
        response.statusCode = 200;
    } catch (error) {
        console.error(`${request.method}: ${error}`);
        response.statusCode = 401;
    }
    response.end();
}).listen(Number(port), '127.0.0.1');

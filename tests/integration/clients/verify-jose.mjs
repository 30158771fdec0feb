import { answerLines } from './cases.mjs';
import { createLocalJWKSet, errors, importJWK, jwtVerify } from 'jose';
import { readFileSync } from 'node:fs';

const keySet = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const publicKey = createLocalJWKSet(keySet);

// The library's key sets are for public keys only.
async function keyOf(header, token) {
    const symmetric = keySet.keys.find(({ kty, kid }) => kty === 'oct' && kid === header.kid);
    return symmetric ? importJWK(symmetric, symmetric.alg) : publicKey(header, token);
}

async function verify({ token, alg, iss, aud }) {
    try {
        const { protectedHeader, payload } = await jwtVerify(token, keyOf, {
            algorithms: [alg], issuer: iss, audience: aud, typ: 'at+jwt', requiredClaims: ['sub', 'iat', 'jti'],
        });
        return { header: protectedHeader, claims: payload };
    } catch (error) {
        if (error instanceof errors.JOSEError) {
            return { refused: error.message };
        }
        throw error;
    }
}

await answerLines(verify, 'answer');

// A token's check for njs, which before 0.7.10 imports no JWK: public keys are PEM files, named by kid, as
// `tokenctl key export --pem` writes them, and the secret of HS256 is a file KID.secret, in base64url.
import fs from 'fs';

const folder = '@DIR@/kids/';
const issuer = '@REAL_ISSUER@';
const algorithms = {
    ES256: { format: 'spki', name: 'ECDSA', hash: 'SHA-256', namedCurve: 'P-256' },
    RS256: { format: 'spki', name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
    HS256: { format: 'raw', name: 'HMAC', hash: 'SHA-256' },
};

function decode(part) {
    return JSON.parse(Buffer.from(part, 'base64url').toString());
}

function readKey(kid, format) {
    if (!/^[A-Za-z0-9_-]+$/.test(kid)) {
        throw new Error('kid');
    }
    if (format === 'raw') {
        return Buffer.from(fs.readFileSync(folder + kid + '.secret').toString(), 'base64url');
    }
    const lines = fs.readFileSync(folder + kid + '.pem').toString().split('\n').filter((line) => !line.startsWith('-----'));
    return Buffer.from(lines.join(''), 'base64');
}

async function isSigned(parts, header) {
    const algorithm = algorithms[header.alg];
    const key = await crypto.subtle.importKey(algorithm.format, readKey(header.kid, algorithm.format), algorithm, false,
        ['verify']);
    return crypto.subtle.verify(algorithm, key, Buffer.from(parts[2], 'base64url'), Buffer.from(`${parts[0]}.${parts[1]}`));
}

async function isGood(token) {
    const parts = token.split('.');
    const header = decode(parts[0]);
    const claims = decode(parts[1]);
    return parts.length === 3 && header.typ === 'at+jwt' && claims.iss === issuer && claims.aud === issuer &&
        claims.exp > Date.now() / 1000 && await isSigned(parts, header);
}

async function verify(r) {
    let good = false;
    try {
        good = await isGood((r.headersIn.Authorization || '').replace(/^Bearer /i, ''));
    } catch (e) {
        r.error(`a token was refused: ${e.message}`);
    }
    r.return(good ? 204 : 401);
}

export default { verify };

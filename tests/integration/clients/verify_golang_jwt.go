// github.com/golang-jwt/jwt. It knows no JWK, so the keys are read here, as its users do.
package main

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log"
	"math/big"
	"os"

	"github.com/golang-jwt/jwt"
)

type jwk struct {
	Kty, Kid, K, X, Y, N, E string
}

type example struct {
	Token string `json:"token"`
	Alg   string `json:"alg"`
	Iss   string `json:"iss"`
	Aud   string `json:"aud"`
}

func decode(text string) []byte {
	bytes, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		log.Fatal(err)
	}
	return bytes
}

func number(text string) *big.Int {
	return new(big.Int).SetBytes(decode(text))
}

func (key jwk) publicKey() interface{} {
	switch key.Kty {
	case "oct":
		return decode(key.K)
	case "EC":
		return &ecdsa.PublicKey{Curve: elliptic.P256(), X: number(key.X), Y: number(key.Y)}
	case "OKP":
		return ed25519.PublicKey(decode(key.X))
	case "RSA":
		return &rsa.PublicKey{N: number(key.N), E: int(number(key.E).Int64())}
	}
	log.Fatalf("kty %q", key.Kty)
	return nil
}

func readKeys(path string) map[string]interface{} {
	var set struct{ Keys []jwk }
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &set)
	}
	if err != nil {
		log.Fatal(err)
	}
	keys := map[string]interface{}{}
	for _, key := range set.Keys {
		keys[key.Kid] = key.publicKey()
	}
	return keys
}

func verify(keys map[string]interface{}, e example) map[string]interface{} {
	claims := jwt.MapClaims{}
	parser := jwt.Parser{ValidMethods: []string{e.Alg}}
	token, err := parser.ParseWithClaims(e.Token, claims, func(token *jwt.Token) (interface{}, error) {
		key, known := keys[fmt.Sprint(token.Header["kid"])]
		if !known {
			return nil, fmt.Errorf("no key %v", token.Header["kid"])
		}
		return key, nil
	})
	switch {
	case err != nil:
		return map[string]interface{}{"refused": err.Error()}
	case !claims.VerifyIssuer(e.Iss, true):
		return map[string]interface{}{"refused": "iss"}
	case !claims.VerifyAudience(e.Aud, true):
		return map[string]interface{}{"refused": "aud"}
	}
	return map[string]interface{}{"header": token.Header, "claims": claims}
}

func main() {
	keys := readKeys(os.Args[1])
	in, out := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for in.More() {
		var e example
		if err := in.Decode(&e); err != nil {
			log.Fatal(err)
		}
		if err := out.Encode(map[string]interface{}{"case": e, "answer": verify(keys, e)}); err != nil {
			log.Fatal(err)
		}
	}
}

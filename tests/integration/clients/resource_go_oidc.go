// github.com/coreos/go-oidc as a resource server: 200 if it accepts the token, else 401. Started with the issuer and a port.
package main

import (
	"context"
	"log"
	"net/http"
	"os"
	"strings"

	"github.com/coreos/go-oidc"
)

func main() {
	issuer, port := os.Args[1], os.Args[2]
	provider, err := oidc.NewProvider(context.Background(), issuer)
	if err != nil {
		log.Fatal(err)
	}
	// What it calls the client ID is the audience; it checks no typ.
	verifier := provider.Verifier(&oidc.Config{ClientID: issuer, SupportedSigningAlgs: []string{oidc.ES256, oidc.RS256}})
	http.HandleFunc("/", func(response http.ResponseWriter, request *http.Request) {
		token := strings.TrimPrefix(request.Header.Get("Authorization"), "Bearer ")
		if _, err := verifier.Verify(request.Context(), token); err != nil {
			log.Print(err)
			response.WriteHeader(http.StatusUnauthorized)
		}
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:"+port, nil))
}

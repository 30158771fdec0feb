// golang.org/x/oauth2/clientcredentials.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"log"
	"os"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

type example struct {
	Method       string  `json:"method"`
	ClientID     string  `json:"client_id"`
	ClientSecret string  `json:"client_secret"`
	Scope        *string `json:"scope"`
}

type answer struct {
	AccessToken      string      `json:"access_token,omitempty"`
	TokenType        string      `json:"token_type,omitempty"`
	ExpiresIn        interface{} `json:"expires_in,omitempty"`
	Scope            interface{} `json:"scope,omitempty"`
	Status           int         `json:"status,omitempty"`
	Error            string      `json:"error,omitempty"`
	ErrorDescription string      `json:"error_description,omitempty"`
}

var styles = map[string]oauth2.AuthStyle{
	"client_secret_basic": oauth2.AuthStyleInHeader,
	"client_secret_post":  oauth2.AuthStyleInParams,
	"auto":                oauth2.AuthStyleAutoDetect,
}

func fetch(url string, e example) answer {
	config := clientcredentials.Config{
		ClientID:     e.ClientID,
		ClientSecret: e.ClientSecret,
		TokenURL:     url,
		AuthStyle:    styles[e.Method],
	}
	if e.Scope != nil {
		config.Scopes = []string{*e.Scope}
	}
	token, err := config.Token(context.Background())
	if err == nil {
		return answer{AccessToken: token.AccessToken, TokenType: token.TokenType,
			ExpiresIn: token.Extra("expires_in"), Scope: token.Extra("scope")}
	}
	var refused *oauth2.RetrieveError
	if !errors.As(err, &refused) {
		log.Fatal(err)
	}
	// The library hands out the body as it came.
	body := answer{Status: refused.Response.StatusCode}
	if err := json.Unmarshal(refused.Body, &body); err != nil {
		log.Fatal(err)
	}
	return body
}

func main() {
	in, out := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for in.More() {
		var e example
		if err := in.Decode(&e); err != nil {
			log.Fatal(err)
		}
		if err := out.Encode(map[string]interface{}{"case": e, "answer": fetch(os.Args[1], e)}); err != nil {
			log.Fatal(err)
		}
	}
}

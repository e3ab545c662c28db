// The journey by Go's net/http: `go run client.go URL EMAIL PASSWORD IDLE`.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/cookiejar"
	"os"
	"strconv"
	"time"
)

type fields map[string]any

type sent struct {
	body    any  // what becomes JSON; nil for none
	chunked bool // without a length
	headers map[string]string
}

var url = os.Args[1]
var jar, _ = cookiejar.New(nil)
var client = &http.Client{Jar: jar, Transport: &http.Transport{ExpectContinueTimeout: 10 * time.Second}}

func tell(step, method, path string, what sent) fields {
	var text []byte
	if what.body != nil {
		text, _ = json.Marshal(what.body)
	}
	var body io.Reader
	if what.body != nil || what.chunked {
		body = io.NopCloser(bytes.NewReader(text)) // of which Go can't tell the length
	}
	request, err := http.NewRequest(method, url+path, body)
	if err != nil {
		log.Fatal(err)
	}
	request.ContentLength = int64(len(text))
	if what.chunked {
		request.ContentLength = -1
	}
	if what.body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	for name, value := range what.headers {
		request.Header.Set(name, value)
	}
	answer, err := client.Do(request)
	if err != nil {
		log.Fatal(step, ": ", err)
	}
	defer answer.Body.Close()
	received, _ := io.ReadAll(answer.Body)
	document := fields{"code": "-"}
	_ = json.Unmarshal(received, &document)
	kind := answer.Header.Get("Content-Type")
	if kind == "" {
		kind = "-"
	}
	fmt.Println(step, answer.StatusCode, kind, document["code"])
	return document
}

func main() {
	email, password := os.Args[2], os.Args[3]
	idle, _ := strconv.ParseFloat(os.Args[4], 64)
	credentials := fields{"email": email, "password": password}
	typed := map[string]string{"Content-Type": "application/json; charset=utf-8"}

	tell("register", "POST", "/auth/register", sent{body: fields{"email": email, "password": password, "name": "Go"}})
	tokens := tell("charset", "POST", "/auth/login", sent{body: credentials, headers: typed})
	tokens = tell("refresh", "POST", "/auth/refresh-token", sent{body: fields{"refreshToken": tokens["refreshToken"]}})
	renewed := fields{"refreshToken": tokens["refreshToken"]}
	tokens = tell("refresh-chunked", "POST", "/auth/refresh-token", sent{body: renewed, chunked: true, headers: typed})
	bearer := fmt.Sprint("Bearer ", tokens["accessToken"])
	byCookie := fields{"email": email, "password": password, "transport": "cookie"}
	tell("cookie", "POST", "/auth/login", sent{body: byCookie})
	tell("cookie-refresh", "POST", "/auth/refresh-token", sent{})
	tell("cookie-refresh-chunked", "POST", "/auth/refresh-token", sent{chunked: true})
	tell("accept", "GET", "/", sent{headers: map[string]string{
		"Authorization": bearer, "Accept": "text/html;q=0.9, */*;q=0.1"}})
	tell("post-chunked", "POST", "/auth/logout", sent{chunked: true})
	tell("problem", "GET", "/", sent{headers: map[string]string{"Accept-Encoding": "gzip, br"}})
	tell("expect", "POST", "/auth/login", sent{body: credentials, headers: map[string]string{"Expect": "100-continue"}})
	time.Sleep(time.Duration(idle * float64(time.Second)))
	signedIn := sent{headers: map[string]string{"Authorization": bearer}}
	tell("idle", "GET", "/", signedIn)
	tell("delete", "DELETE", "/auth/logout", signedIn)
	tell("ended", "GET", "/", signedIn)
}

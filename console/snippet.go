package console

import (
	"net/http"
	"strings"
)

// snippet is a program that makes one call.
type snippet struct {
	Language string // as it is called
	Name     string // for programs, such as csharp
	Text     string
}

// snippets returns how to make the example's call with a secret. Each prints why a call is refused: the body of a
// refusal may be empty.
func (c *console) snippets(r *http.Request, secret string) []snippet {
	fill := strings.NewReplacer("{URL}", c.exampleURL(r), "{SECRET}", secret)
	all := []snippet{
		{"curl", "curl", "curl -i -H 'ApiToken: {SECRET}' '{URL}'"},
		{"JavaScript", "javascript", `const response = await fetch("{URL}", {
  headers: { ApiToken: "{SECRET}" },
});
console.log(response.status, response.headers.get("WWW-Authenticate") ?? await response.text());`},
		{"Python", "python", `import requests

response = requests.get("{URL}", headers={"ApiToken": "{SECRET}"})
print(response.status_code, response.headers.get("WWW-Authenticate", response.text))`},
		{"Go", "go", `package main

import (
	"fmt"
	"io"
	"net/http"
)

func main() {
	request, err := http.NewRequest("GET", "{URL}", nil)
	if err != nil {
		panic(err)
	}
	request.Header.Set("ApiToken", "{SECRET}")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		panic(err)
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	fmt.Println(response.Status, response.Header.Get("WWW-Authenticate"), string(body))
}`},
		{"PHP", "php", `<?php
$curl = curl_init("{URL}");
curl_setopt($curl, CURLOPT_HTTPHEADER, ["ApiToken: {SECRET}"]);
curl_setopt($curl, CURLOPT_HEADER, true); // a refusal says why in WWW-Authenticate
curl_exec($curl);`},
		{"C#", "csharp", `using var client = new HttpClient();
client.DefaultRequestHeaders.Add("ApiToken", "{SECRET}");
var response = await client.GetAsync("{URL}");
Console.WriteLine($"{(int)response.StatusCode} {response.Headers.WwwAuthenticate} {await response.Content.ReadAsStringAsync()}");`},
	}
	for i := range all {
		all[i].Text = fill.Replace(all[i].Text)
	}
	return all
}

// exampleURL returns the address of the call that examples make. There has to be an example.
func (c *console) exampleURL(r *http.Request) string {
	return quotes.Replace(c.address(r) + c.Example)
}

// quotes encodes what could end a text in one of the languages.
var quotes = strings.NewReplacer("'", "%27", `"`, "%22", `\`, "%5C", "$", "%24", "`", "%60", "\n", "")

package keyporter_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// suite lists the modules of the OpenID conformance suite that the documents must cover.
func suite() []string {
	return strings.Fields(`
		ServerTest ResponseTypeMissing IdTokenSignature IdTokenUnsigned UserInfoGet UserInfoPostHeader UserInfoPostBody
		EnsureRequestWithoutNonceSucceedsForCodeFlow ScopeProfile ScopeEmail ScopeAddress ScopePhone ScopeAll AlternateHappyFlow
		DisplayPage DisplayPopup PromptLogin PromptNoneNotLoggedIn PromptNoneLoggedIn MaxAge1 MaxAge10000
		EnsureRequestWithUnknownParameterSucceeds IdTokenHint LoginHint UiLocales ClaimsLocales EnsureRequestWithAcrValuesSucceeds
		AuthCodeReuse AuthCodeReuseAfter30Seconds EnsureRegisteredRedirectUri EnsurePostRequestSucceeds ServerTestClientSecretPost
		RequestUriUnsigned RequestUriUnsignedSupportedCorrectlyOrRejectedAsUnsupported
		UnsignedRequestObjectSupportedCorrectlyOrRejectedAsUnsupported EnsureRequestObjectWithRedirectUri ClaimsEssential
		EnsureRequestWithValidPkceSucceeds RefreshToken

		DiscoveryEndpointVerification

		EnsureRedirectUriInAuthorizationRequest RedirectUriQueryOK RedirectUriQueryMismatch RedirectUriQueryAdded RedirectUriRegFrag
		RegistrationJwksUri RegistrationLogoUri RegistrationPolicyUri RegistrationTosUri RegistrationSectorUri ServerRotateKeys
		RefreshTokenRPKeyRotation EnsureClientAssertionWithIssAudSucceeds

		PAREnsurePKCERequired PAREnsurePlainPKCERejected PAREnsurePKCECodeVerifierRequired PARIncorrectPKCECodeVerifierRejected
		PARAttemptReuseRequestUri PARAttemptToUseExpiredRequestUri PARRejectInvalidHttpVerb PARRejectRequestUriInParAuthorizationRequest
		ParWithoutDuplicateParameters PARArrayAsAudienceFails PAREndpointAsAudienceFails PARTokenEndpointAsAudienceFails
		EnsureUnsignedAuthorizationRequestWithoutUsingParFails AttemptReuseAuthorizationCodeAfterOneSecond AttemptToUseExpiredAuthCode
		EnsureResponseTypeTokenFails EnsureResponseTypeCodeIdTokenFails EnsureAuthorizationRequestWithLongState
		EnsureAuthorizationRequestWithLongNonce EnsureAuthorizationRequestWithoutState EnsureOtherScopeOrderSucceeds
		AccessTokenTypeHeaderCaseSensitivity EnsureHolderOfKeyRequired DpopNegativeTests CheckDpopProofNbfExp
		EnsureDpopProofWithIat10SecondsBeforeSucceeds EnsureDpopProofWithIat10SecondsAfterSucceeds EnsureDpopAuthCodeBindingSuccess
		EnsureMismatchedDpopJktFails EnsureTokenEndpointFailsWithMismatchedDpopJkt EnsureTokenEndpointFailsWithMismatchedDpopProofJkt
		UserRejectsAuthentication`)
}

func TestDocumentsCoverEveryConformanceModule(t *testing.T) {
	text := document(t, "docs/reference/conformance.md")
	for _, module := range suite() {
		if !strings.Contains(text, "\n| "+module+" | ") {
			t.Errorf("docs/reference/conformance.md has no line for %s", module)
		}
	}
}

// Every test that a document names must exist, in this module or in one nested in it. The name
// of a subtest follows a slash, spelled as in the source.
func TestDocumentsNameExistingTests(t *testing.T) {
	tests := namedTests(t)
	for _, path := range []string{"docs/explanation/security.md", "docs/reference/conformance.md", "docs/operations.md"} {
		for _, match := range regexp.MustCompile("`(Test[^`]*)`").FindAllStringSubmatch(document(t, path), -1) {
			name, part, hasPart := strings.Cut(match[1], "/")
			begins, cut := strings.CutSuffix(name, "…")
			texts, found := tests[name]
			if cut {
				found = slices.ContainsFunc(slices.Collect(maps.Keys(tests)), func(n string) bool { return strings.HasPrefix(n, begins) })
			}
			if !found || hasPart && !slices.Contains(texts, part) {
				t.Errorf("%s names %s, which isn't a test", path, match[1])
			}
		}
	}
}

// Every name that the column "where" of docs/explanation/security.md has must be declared: one
// of a package, or a method of a type.
func TestTheSecurityPageNamesExistingCode(t *testing.T) {
	declared := declaredNames(t)
	for line := range strings.Lines(document(t, "docs/explanation/security.md")) {
		cells := strings.Split(line, "|")
		if len(cells) != 5 {
			continue
		}
		for _, match := range regexp.MustCompile("`(\\w+)\\.(\\w+)`").FindAllStringSubmatch(cells[2], -1) {
			if match[2] != "go" && !declared[match[1]+"."+match[2]] {
				t.Errorf("docs/explanation/security.md names %s.%s, which doesn't exist", match[1], match[2])
			}
		}
	}
}

// Every Go file that a document names with its folder must exist.
func TestDocumentsNameExistingFiles(t *testing.T) {
	for _, path := range markdown(t) {
		if !strings.HasPrefix(path, "docs/") {
			continue
		}
		for _, match := range regexp.MustCompile("`(\\w+/[\\w/]+\\.go)`").FindAllStringSubmatch(document(t, path), -1) {
			if _, err := os.Stat(match[1]); err != nil {
				t.Errorf("%s names %s, which doesn't exist", path, match[1])
			}
		}
	}
}

func document(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// namedTests maps every test to the string literals in it, which may be the names of its
// subtests. The subtests of TestScripts are files next to it.
func namedTests(t *testing.T) map[string][]string {
	t.Helper()
	tests := map[string][]string{}
	eachGoFile(t, func(path string, file *ast.File) {
		if !strings.HasSuffix(path, "_test.go") {
			return
		}
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Test") {
				tests[f.Name.Name] = textsIn(f)
			}
		}
	})
	scripts, err := filepath.Glob("oauth/clients/*_*")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range scripts {
		tests["TestScripts"] = append(tests["TestScripts"], filepath.Base(path))
	}
	return tests
}

// declaredNames has every function, method, and type outside the tests as package.name, and
// every method also as type.name.
func declaredNames(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	eachGoFile(t, func(path string, file *ast.File) {
		if strings.HasSuffix(path, "_test.go") {
			return
		}
		for _, decl := range file.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				names[file.Name.Name+"."+d.Name.Name] = true
				if d.Recv != nil {
					names[strings.TrimPrefix(types.ExprString(d.Recv.List[0].Type), "*")+"."+d.Name.Name] = true
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					if s, ok := spec.(*ast.TypeSpec); ok {
						names[file.Name.Name+"."+s.Name.Name] = true
					}
				}
			}
		}
	})
	return names
}

func eachGoFile(t *testing.T, f func(path string, file *ast.File)) {
	t.Helper()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != "." && strings.HasPrefix(d.Name(), ".") {
			return fs.SkipDir
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err == nil {
			f(path, file)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func textsIn(n ast.Node) (texts []string) {
	ast.Inspect(n, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if text, err := strconv.Unquote(lit.Value); err == nil {
				texts = append(texts, text)
			}
		}
		return true
	})
	return texts
}

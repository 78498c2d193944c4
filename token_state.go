package keyporter

// TokenState says whether an API token works, and if not, what keeps it from working.
type TokenState string

// The states of tokens. Each token is in one of the first four.
const (
	TokenActive  TokenState = "active"  // it works
	TokenOff     TokenState = "off"     // it is switched off
	TokenExpired TokenState = "expired" // it is switched on, and has expired
	TokenBlocked TokenState = "blocked" // it is switched on and hasn't expired, but its owner or organization keeps it from working

	// TokenNeedsAttention is the state of tokens that are blocked, of active ones that expire soon, and of all whose last
	// call was refused lately, and after they were last switched or given another expiry: something still calls with them.
	TokenNeedsAttention TokenState = "attention"
)

// TokenSort is what a list of tokens is sorted by.
type TokenSort string

// The orders of tokens.
const (
	TokensByName   TokenSort = "name"
	TokensByUse    TokenSort = "used" // never comes before every time
	TokensByAge    TokenSort = "created"
	TokensByExpiry TokenSort = "expires" // never comes after every time
)

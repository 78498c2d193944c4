package store

import (
	"context"
	"crypto/tls"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlitelib "modernc.org/sqlite/lib"

	"github.com/keyporter/keyporter"
)

// explain turns a database error into a keyporter.Error with a kind and a message for people. It
// returns errors it can't explain unchanged.
func explain(err error) error {
	if err == nil || keyporter.KindOf(err) != keyporter.Unknown {
		return err
	}
	if why := classify(err); why != nil {
		return fmt.Errorf("%w (%w)", why, err)
	}
	return err
}

// explainChild is explain for the INSERT of a row that belongs to another. If that one was
// deleted in the meantime, the error is NotFound.
func explainChild(err error) error {
	lite, ok := errors.AsType[*sqlite.Error](err)
	orphan := ok && lite.Code() == sqlitelib.SQLITE_CONSTRAINT_FOREIGNKEY
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		orphan = pg.Code == "23503"
	}
	if orphan {
		return &keyporter.Error{Kind: keyporter.NotFound, Message: "There is no such thing.", Err: err}
	}
	return explain(err)
}

const (
	noFile = "The database file can't be opened. Does its folder exist, and is it writable?"
	noTLS  = "The database's server doesn't offer TLS, and Keyporter sends no password to another machine without it. " +
		"Switch TLS on in PostgreSQL (ssl=on). If the network can be trusted, add sslmode=disable to the address."
	notOurs = "This database has another program's tables. Choose another one, and Keyporter will create it."
)

var errUnreachable = keyporter.Refuse(keyporter.Unavailable, "The database can't be reached.")

// IsUnreachable reports whether the database's server can't be reached, or is just starting.
func IsUnreachable(err error) bool { return errors.Is(err, errUnreachable) }

// cantOpen explains an operating system error about the database file, which would otherwise
// look like a network error.
func cantOpen(err error) error {
	return &keyporter.Error{Kind: keyporter.Unavailable, Message: noFile, Err: err}
}

// classify returns an error with a kind and a message for people, or nil if it can't explain err.
func classify(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return keyporter.Refuse(keyporter.NotFound, "There is no such thing.")
	}
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return classifySQLite(e)
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return classifyPostgres(e)
	}
	if strings.Contains(err.Error(), "server refused TLS connection") { // pgconn has no name for it
		return keyporter.Refuse(keyporter.Conflict, noTLS)
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return keyporter.Refuse(keyporter.Conflict, "The certificate of the database's server can't be verified. Add the certificate of its authority to the address with sslrootcert, or set sslmode.")
	}
	_, network := errors.AsType[net.Error](err)
	_, connect := errors.AsType[*pgconn.ConnectError](err)
	closed := errors.Is(err, sql.ErrConnDone) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, net.ErrClosed) || strings.HasSuffix(err.Error(), "sql: database is closed")
	if network || connect || closed || errors.Is(err, context.DeadlineExceeded) || pgconn.SafeToRetry(err) {
		return errUnreachable
	}
	return nil
}

func classifySQLite(e *sqlite.Error) error {
	switch e.Code() {
	case sqlitelib.SQLITE_CONSTRAINT_UNIQUE, sqlitelib.SQLITE_CONSTRAINT_PRIMARYKEY:
		return keyporter.Refuse(keyporter.Conflict, "It already exists.")
	}
	const primary = 0xff // the code without its extension
	switch e.Code() & primary {
	case sqlitelib.SQLITE_BUSY, sqlitelib.SQLITE_LOCKED:
		return keyporter.Refuse(keyporter.Unavailable, "The database is locked by another process.")
	case sqlitelib.SQLITE_FULL:
		return keyporter.Refuse(keyporter.Unavailable, "The database's disk is full.")
	case sqlitelib.SQLITE_READONLY:
		return keyporter.Refuse(keyporter.Unavailable, "The database can't be written, because its file or folder is read-only.")
	case sqlitelib.SQLITE_CANTOPEN:
		return keyporter.Refuse(keyporter.Unavailable, noFile)
	case sqlitelib.SQLITE_IOERR:
		return keyporter.Refuse(keyporter.Unavailable, "The database's disk is full or broken.")
	case sqlitelib.SQLITE_NOTADB, sqlitelib.SQLITE_CORRUPT:
		return keyporter.Refuse(keyporter.Unavailable, "The database file is damaged or isn't a Keyporter database.")
	}
	return nil
}

// classifyPostgres uses the SQLSTATE classes in Appendix A of PostgreSQL's manual.
func classifyPostgres(e *pgconn.PgError) error {
	switch {
	case e.Code == "23505":
		return keyporter.Refuse(keyporter.Conflict, "It already exists.")
	case e.Code == "22021":
		return keyporter.Refuse(keyporter.Invalid, "The input contains bytes that aren’t text.")
	case e.Code == "53100":
		return keyporter.Refuse(keyporter.Unavailable, "The database's disk is full.")
	case e.Code == "25006":
		return keyporter.Refuse(keyporter.Unavailable, "The database is read-only.")
	case e.Code == "42P07": // a migration tried to create a table that exists
		return keyporter.Refuse(keyporter.Unavailable, notOurs)
	case e.Code == "3D000":
		return keyporter.Refuse(keyporter.Unavailable, "The database doesn't exist on this server. Create it first with createdb.")
	case strings.HasPrefix(e.Code, "28"):
		return keyporter.Refuse(keyporter.Unavailable, "The database refuses this user or password.")
	case strings.HasPrefix(e.Code, "08"), strings.HasPrefix(e.Code, "53"), strings.HasPrefix(e.Code, "57P"):
		return errUnreachable
	}
	return nil
}

// isSerialization reports whether PostgreSQL wants the transaction to be retried after this error.
func isSerialization(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (e.Code == "40001" || e.Code == "40P01")
}

// isNoTable reports whether a query failed because its table doesn't exist.
func isNoTable(err error) bool {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code == "42P01"
	}
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && e.Code() == sqlitelib.SQLITE_ERROR && strings.Contains(e.Error(), "no such table")
}

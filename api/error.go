package api

import (
	"errors"
	"fmt"
	"net/http"
)

// Error is an answer that is not 200: a status and a sentence.
type Error struct {
	Status int
	Text   string
}

func (e *Error) Error() string { return e.Text }

// NotFound is an error with status 404.
func NotFound(format string, args ...any) error {
	return &Error{http.StatusNotFound, fmt.Sprintf(format, args...)}
}

// Invalid is an error with status 400: what was asked makes no sense.
func Invalid(format string, args ...any) error {
	return &Error{http.StatusBadRequest, fmt.Sprintf(format, args...)}
}

// Forbidden is an error with status 403: asked well, and not allowed here.
func Forbidden(format string, args ...any) error {
	return &Error{http.StatusForbidden, fmt.Sprintf(format, args...)}
}

// status is the HTTP status of an error.
func status(err error) int {
	var e *Error
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &e):
		return e.Status
	case errors.As(err, &large):
		return http.StatusRequestEntityTooLarge
	}
	return http.StatusInternalServerError
}

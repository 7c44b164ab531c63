// Package cli is the yodel command: one file per group of commands, thin over
// the client of package api. Commands touch the world only through an Env.
package cli

// Command yodel is a mesh of hosts that find each other and answer for each
// other. See package cli.
package main

import (
	"os"

	"github.com/yodel-mesh/yodel/cli"
)

func main() { os.Exit(cli.Main()) }

package jobs

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"slices"
	"strconv"
)

// The path of a command that is named without one, unless the order sets PATH.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// whoIs finds a user of this host and the groups that it is in.
func whoIs(name string) (identity, *user.User, error) {
	u, err := user.Lookup(name)
	if unknown := user.UnknownUserError(""); errors.As(err, &unknown) {
		return identity{}, nil, fmt.Errorf("there is no user %s on this host", name)
	}
	if err != nil {
		return identity{}, nil, fmt.Errorf("look up user %s: %w", name, err)
	}
	uid, err := number(u.Uid)
	if err != nil {
		return identity{}, nil, err
	}
	gid, err := number(u.Gid)
	if err != nil {
		return identity{}, nil, err
	}
	if int(uid) == os.Geteuid() {
		return identity{UID: uid, GID: gid}, u, nil
	}
	if os.Geteuid() != 0 {
		return identity{}, nil, fmt.Errorf("this agent is not root, and cannot run a job as %s", name)
	}
	ids, err := u.GroupIds()
	if err != nil {
		return identity{}, nil, fmt.Errorf("look up the groups of %s: %w", name, err)
	}
	who := identity{Switch: true, UID: uid, GID: gid}
	for _, id := range ids {
		group, err := number(id)
		if err != nil {
			return identity{}, nil, err
		}
		who.Groups = append(who.Groups, group)
	}
	slices.Sort(who.Groups)
	return who, u, nil
}

func number(text string) (uint32, error) {
	n, err := strconv.ParseUint(text, 10, 32)
	return uint32(n), err
}

// environment is what a command gets: nothing of the agent's, which may hold
// secrets, and the same on every host. YODEL_JOB is also how a process that got
// away is known.
func environment(o Order, u *user.User) []string {
	env := map[string]string{
		"PATH": defaultPath, "HOME": u.HomeDir, "USER": u.Username, "LOGNAME": u.Username, "SHELL": "/bin/sh", "LANG": "C.UTF-8",
	}
	for name, value := range o.Env {
		env[name] = value
	}
	env["YODEL_JOB"] = o.ID.String()
	list := make([]string, 0, len(env))
	for name, value := range env {
		list = append(list, name+"="+value)
	}
	slices.Sort(list)
	return list
}

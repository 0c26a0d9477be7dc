package transfer

import (
	"os"
	"strings"
	"sync"
)

// bootID is another one after each start of the system; "" is not known.
var bootID = sync.OnceValue(func() string {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
})

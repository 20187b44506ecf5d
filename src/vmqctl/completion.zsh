#compdef vmqctl
# SPDX-License-Identifier: BSD-3-Clause
# zsh completion for vmqctl: the candidates come from vmqctl's own tables, the names from the running daemon. compinit
# loads this file as the function _vmqctl.
local -a found
found=(${(f)"$("${(Q)words[1]}" complete "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)"})
# What nobody knows may be a file: a socket, a document to import.
if (( ! $#found )); then
	_files
	return
fi
# After "member=" the value follows.
compadd -S '' -- ${(M)found:#*=}
compadd -- ${found:#*=}

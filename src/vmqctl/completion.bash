# SPDX-License-Identifier: BSD-3-Clause
# bash completion for vmqctl: the candidates come from vmqctl's own tables, the names from the running daemon.
_vmqctl()
{
	local cur=${COMP_WORDS[COMP_CWORD]} words=() word i line=$COMP_LINE
	# bash splits words at ":" and "="; a MAC address, a path or a member=value given so far must stay one word.
	line=${line:0:COMP_POINT}
	read -r -a words <<<"$line"
	[[ $line == *[[:space:]] ]] && words+=("")
	word=${words[-1]}
	mapfile -t COMPREPLY < <("${words[0]}" complete "${words[@]:1}" 2>/dev/null)
	# After "member=" the value follows.
	[[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace
	# What stands before the last ":" is a word of its own for bash, so it is not part of the reply.
	if [[ $word == *:* && $cur != "$word" ]]; then
		for i in "${!COMPREPLY[@]}"; do
			COMPREPLY[i]=${COMPREPLY[i]#"${word%"$cur"}"}
		done
	fi
}
complete -o default -F _vmqctl vmqctl

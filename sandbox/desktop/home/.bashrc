# Yours to change.
case $- in
*i*) ;;
*) return ;;
esac
HISTSIZE=5000
HISTCONTROL=ignoreboth
shopt -s histappend checkwinsize
PS1='\[\e[36m\]\w\[\e[0m\] \$ '
alias ls='ls --color=auto'
alias grep='grep --color=auto'

/** Description of this topic in the help. */
export default 'Help for a command, and the exit codes.';

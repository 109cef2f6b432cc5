/** What the help says of this topic. */
export default 'Help for a command, and the exit codes.';

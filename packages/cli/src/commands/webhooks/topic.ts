/** What the help says of this topic. */
export default 'Receive events on this machine, try a receiver, see and repeat what was sent.';

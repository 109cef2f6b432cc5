/** What the help says of this topic. */
export default 'The balance, and the event that is sent when it is low.';
